/** What a model is trained on: conversations, the labels of their ids, and batches of them. */
package io.m3j.train.data;
