/**
 * Values that may be there now or later. The hot path stays synchronous: a promise is made only by a
 * handler that really waits.
 */
export type Later<T> = T | Promise<T>;

/** True if the value is still to come. */
export function isLater<T>(v: Later<T>): v is Promise<T> {
  return v instanceof Promise;
}

/** Applies `f` now if the value is there, or when it comes. */
export function then<T, R>(v: Later<T>, f: (v: T) => Later<R>): Later<R> {
  return v instanceof Promise ? v.then(f) : f(v);
}
