/**
 * The three kinds of hook. A hook is a typed constant: "go to definition" finds it, a misspelt one
 * does not compile. Handlers are registered per host (see `chains.ts`) and run in order.
 *
 * - **ask**: a question. Each handler answers or declines (`undefined`), now or later; the first
 *   answer wins; with none left the fallback holds.
 * - **tell**: an event. Everybody hears it.
 * - **filter**: a value passes through; a handler returns another value to replace it, nothing to
 *   leave it, {@link DROP} to swallow it, or throws a `StanzaError` to refuse it.
 */

import type { Later } from "../later.ts";

/** Returned by a filter handler: the value goes no further, nobody is told. */
export const DROP: unique symbol = Symbol("drop");
export type Drop = typeof DROP;

interface HookBase {
  readonly name: string;
  /** One line for `confab hooks` and docs/modules.md. */
  readonly doc: string;
  /** Position in a host's table of chains. */
  readonly index: number;
  /** How long one handler may take before it is given up, in ms. */
  readonly timeout: number;
  /** What DJabberd calls it, or those of its hooks that it stands for; for docs/modules.md. */
  readonly djabberd: readonly string[];
}

export interface Ask<A extends unknown[], R> extends HookBase {
  readonly kind: "ask";
  /** The answer when every handler has declined. */
  readonly fallback: ((...args: A) => Later<R>) | undefined;
  /** Never set: carries the types. */
  readonly types?: [A, R];
}

export interface Tell<A extends unknown[]> extends HookBase {
  readonly kind: "tell";
  /** Handlers do not wait for each other: what they load, they load at the same time. */
  readonly together: boolean;
  readonly types?: [A];
}

export interface Filter<V, A extends unknown[]> extends HookBase {
  readonly kind: "filter";
  readonly types?: [V, A];
}

// deno-lint-ignore no-explicit-any
export type AnyHook = Ask<any, any> | Tell<any> | Filter<any, any>;

/** All declared hooks, in order of declaration. */
export const declared: AnyHook[] = [];

interface Options {
  /** ms one handler may take; 30 s if not given. */
  timeout?: number;
  /** DJabberd's names for it, if it has any. */
  djabberd?: readonly string[];
}

const DEFAULT_TIMEOUT = 30_000;

function declare<H extends AnyHook>(
  hook: Omit<H, "index" | "timeout" | "djabberd">,
  { timeout = DEFAULT_TIMEOUT, djabberd = [] }: Options,
): H {
  if (declared.some((h) => h.name === hook.name)) {
    throw new Error(`hook ${hook.name} declared twice`);
  }
  const full = { ...hook, timeout, djabberd, index: declared.length } as unknown as H;
  declared.push(full);
  return full;
}

/** Declares a question. Without `fallback` an unanswered one yields `undefined`. */
export function ask<A extends unknown[], R>(
  name: string,
  doc: string,
  options: Options & { fallback?: (...args: A) => Later<R> } = {},
): Ask<A, R> {
  return declare<Ask<A, R>>({ kind: "ask", name, doc, fallback: options.fallback }, options);
}

/** Declares an event. */
export function tell<A extends unknown[]>(
  name: string,
  doc: string,
  options: Options & { together?: boolean } = {},
): Tell<A> {
  const { together = false } = options;
  return declare<Tell<A>>({ kind: "tell", name, doc, together }, options);
}

/** Declares a filter over values of type `V`, with arguments for context. */
export function filter<V, A extends unknown[] = []>(
  name: string,
  doc: string,
  options: Options = {},
): Filter<V, A> {
  return declare<Filter<V, A>>({ kind: "filter", name, doc }, options);
}

/** What a handler of each kind looks like. */
export type Handler<H> = H extends Ask<infer A, infer R> ? (...args: A) => Later<R | undefined>
  : H extends Tell<infer A> ? (...args: A) => Later<void>
  : H extends Filter<infer V, infer A> ? (value: V, ...args: A) => Later<V | Drop | void>
  : never;
