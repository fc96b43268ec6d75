/** Training nested tokens; see the project plan for what comes here. */
package io.m3j.train;
