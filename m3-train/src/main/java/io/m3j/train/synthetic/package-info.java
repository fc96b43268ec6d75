/** The generated benchmark: pictures drawn from a seed, with questions in families of rising visual detail. */
package io.m3j.train.synthetic;
