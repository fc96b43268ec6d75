/** What the encoder and the decoder share: named weights, checked and brought into their type. */
package io.m3j.core.nn;
