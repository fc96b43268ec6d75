/** Questions about videos: frames become tokens as they come, and those that matter are looked at closely. */
package io.m3j.llm.video;
