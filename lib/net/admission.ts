/** Who may connect: bounds on connections in all, per address, and per time. */

export interface AdmissionLimits {
  readonly connections: number;
  /** Per address (IPv6: per /64); 0 for no limit. */
  readonly connections_per_address: number;
  /** New ones per second and address, with twice as many at once; 0 for no limit. */
  readonly connections_per_second: number;
}

interface Origin {
  open: number;
  tokens: number;
  at: number;
}

export class Admission {
  limits: AdmissionLimits;
  #open = 0;
  readonly #origins = new Map<string, Origin>();

  constructor(limits: AdmissionLimits) {
    this.limits = limits;
  }

  get open(): number {
    return this.#open;
  }

  /**
   * Counts a new connection; the reason why it is refused, if it is. What holds for one address does
   * not for a proxy, behind which there are many.
   */
  enter(address: string, proxy = false): string | undefined {
    const { connections, connections_per_address, connections_per_second } = this.limits;
    if (this.#open >= connections) return "limits.connections is reached";
    const key = network(address);
    const now = performance.now();
    let origin = this.#origins.get(key);
    if (origin === undefined) {
      if (this.#origins.size >= MAX_ORIGINS) this.#forget(now);
      this.#origins.set(key, origin = { open: 0, tokens: 2 * connections_per_second, at: now });
    }
    if (!proxy && connections_per_address > 0 && origin.open >= connections_per_address) {
      return "limits.connections_per_address is reached";
    }
    if (!proxy && connections_per_second > 0) {
      const filled = origin.tokens + (now - origin.at) / 1000 * connections_per_second;
      origin.tokens = Math.min(2 * connections_per_second, filled);
      origin.at = now;
      if (origin.tokens < 1) return "limits.connections_per_second is reached";
      origin.tokens--;
    }
    origin.open++;
    this.#open++;
    return undefined;
  }

  /** A connection that had entered is gone. */
  leave(address: string): void {
    this.#open--;
    const key = network(address);
    const origin = this.#origins.get(key);
    if (origin === undefined) return;
    origin.open--;
    if (origin.open === 0 && this.limits.connections_per_second === 0) this.#origins.delete(key);
  }

  /** Addresses without a connection are forgotten once their allowance is full again. */
  #forget(now: number): void {
    for (const [key, origin] of this.#origins) {
      if (origin.open === 0 && now - origin.at > 2000) this.#origins.delete(key);
    }
  }
}

const MAX_ORIGINS = 10_000;

/** An IPv6 customer has at least a /64; an IPv4 address stands for itself, mapped to IPv6 or not. */
function network(address: string): string {
  if (!address.includes(":")) return address;
  if (address.startsWith("::ffff:") && address.includes(".")) return address.slice(7);
  const [left = "", right] = address.split("::");
  const head = left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const zeros = right === undefined ? [] : Array(8 - head.length - tail.length).fill("0");
  return [...head, ...zeros, ...tail].slice(0, 4).map((g) => g || "0").join(":");
}
