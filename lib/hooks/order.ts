/** The order of a hook's handlers: `before`/`after` module names first, then priority, then age. */

export interface Order {
  /** Run before the handlers of these modules. */
  before?: readonly string[];
  /** Run after the handlers of these modules. */
  after?: readonly string[];
  /** Higher runs earlier among those that are not otherwise ordered; 0 if not given. */
  priority?: number;
}

export interface Ordered extends Order {
  readonly module: string;
  readonly sequence: number;
}

/** Two or more modules that each want to be before the other. */
export class OrderCycle extends Error {
  constructor(readonly hook: string, readonly modules: readonly string[]) {
    super(`hook ${hook}: the modules ${modules.join(", ")} each want to run before the other`);
  }
}

/** Sorts by the constraints; throws {@link OrderCycle} with the names if they contradict. */
export function inOrder<T extends Ordered>(hook: string, entries: readonly T[]): T[] {
  const left = [...entries].sort((a, b) =>
    (b.priority ?? 0) - (a.priority ?? 0) || a.sequence - b.sequence
  );
  const mustPrecede = (a: T, b: T) =>
    a.before?.includes(b.module) === true || b.after?.includes(a.module) === true;
  const sorted: T[] = [];
  while (left.length > 0) {
    const next = left.findIndex((b) => !left.some((a) => a !== b && mustPrecede(a, b)));
    if (next < 0) throw new OrderCycle(hook, cycleIn(left, mustPrecede));
    sorted.push(...left.splice(next, 1));
  }
  return sorted;
}

/** Every entry left has a predecessor among those left: walking back must come round. */
function cycleIn<T extends Ordered>(left: T[], mustPrecede: (a: T, b: T) => boolean): string[] {
  const path: T[] = [];
  let at = left[0]!;
  while (!path.includes(at)) {
    path.push(at);
    at = left.find((a) => a !== at && mustPrecede(a, at))!;
  }
  return [...new Set(path.slice(path.indexOf(at)).map((e) => e.module))].reverse();
}
