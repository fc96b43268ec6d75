/** From a picture to nested visual tokens. */
package io.m3j.vision;
