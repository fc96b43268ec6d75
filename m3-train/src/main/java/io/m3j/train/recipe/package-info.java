/** What a training run is to do, as a JSON file says it. */
package io.m3j.train.recipe;
