/** Videos as pictures with times: where frames come from, which of them are taken, and the collage of six. */
package io.m3j.vision.video;
