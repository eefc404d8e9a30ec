import type { Problem } from "../config/problem.ts";
import { formatProblem } from "../config/problem.ts";

/** The configuration has problems; the message lists them all, a line each. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(formatProblem).join("\n"));
  }
}
