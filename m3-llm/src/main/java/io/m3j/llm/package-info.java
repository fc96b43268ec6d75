/** The decoder, its tokenizer and prompts, and the facade {@code M3Model}. */
package io.m3j.llm;
