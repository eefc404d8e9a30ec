/**
 * A bounded memory of recent answers, for questions that are asked again and again (does this account
 * exist, whom has it blocked). Entries are kept in two generations: when the younger one is full, or
 * has had its time, the older one goes. So an entry has no timer of its own, what is in use survives
 * a flood of other keys, and nothing is older than `maxAgeMs`.
 */
export class Recent<V> {
  readonly #half: number;
  readonly #turnMs: number;
  readonly #clock: () => number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();
  #turned: number;

  /**
   * @param size entries kept at most; 0 keeps none
   * @param maxAgeMs age beyond which no entry is found; it may go from half of that age on
   * @param clock now, in ms; monotonic
   */
  constructor(size: number, maxAgeMs = Infinity, clock: () => number = () => performance.now()) {
    this.#half = Math.floor(size / 2);
    this.#turnMs = maxAgeMs / 2;
    this.#clock = clock;
    this.#turned = clock();
  }

  get(key: string): V | undefined {
    if (this.#turnMs !== Infinity) this.#age();
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    // Where entries age, a hit must not make one young again.
    if (old === undefined || this.#turnMs !== Infinity) return old;
    this.#old.delete(key);
    this.#put(key, old);
    return old;
  }

  set(key: string, value: V): void {
    if (this.#turnMs !== Infinity) this.#age();
    this.#old.delete(key);
    this.#put(key, value);
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  /** What is in memory now, in no order; some of it may be too old to be found. */
  *values(): Iterable<V> {
    yield* this.#young.values();
    yield* this.#old.values();
  }

  /** Entries in memory now. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  #put(key: string, value: V): void {
    if (this.#half === 0) return;
    if (this.#young.size >= this.#half && !this.#young.has(key)) this.#turn();
    this.#young.set(key, value);
  }

  #turn(): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#turned = this.#clock();
  }

  #age(): void {
    const age = this.#clock() - this.#turned;
    if (age < this.#turnMs) return;
    this.#turn();
    if (age >= 2 * this.#turnMs) this.#old = new Map();
  }
}
