/** What chooses the scale at which each part of a picture is looked at. */
package io.m3j.llm.scale;
