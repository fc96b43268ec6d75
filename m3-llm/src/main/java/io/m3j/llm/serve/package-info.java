/** Answering many callers at once: continuous batching with a bounded queue. */
package io.m3j.llm.serve;
