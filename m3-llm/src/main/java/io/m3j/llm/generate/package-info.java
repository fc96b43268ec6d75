/** How an answer is generated: options, sampling, stop rules and the stream. */
package io.m3j.llm.generate;
