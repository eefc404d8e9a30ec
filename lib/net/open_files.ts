/**
 * How many connections the system has room for.
 *
 * A process that has no file left for a connection never accepts one again: the runtime stops
 * listening, without an event. So it must not come to that, whoever connects.
 */

/** Connections that may wait to be accepted on one port. */
const BACKLOG = 1024;

/** What there may be at once. */
export interface Room {
  readonly connections: number;
  /** For each port. All that wait are accepted in one go, before those refused are closed. */
  readonly backlog: number;
}

/** Most connections that leave enough files for everything else. */
export function roomForConnections(limit: number = openFilesLimit()): Room {
  if (limit === Infinity) return { connections: Infinity, backlog: BACKLOG };
  // For the database, certificates, the control socket, and what waits at several ports.
  const reserved = Math.min(8 * BACKLOG, Math.max(64, Math.floor(limit / 8)));
  return {
    connections: Math.max(1, limit - reserved),
    backlog: Math.max(1, Math.floor(reserved / 8)),
  };
}

/** RLIMIT_NOFILE of this process; where the system does not tell it (Linux does), there is none. */
function openFilesLimit(): number {
  let limits: string;
  try {
    limits = Deno.readTextFileSync("/proc/self/limits");
  } catch {
    return Infinity;
  }
  const found = /^Max open files\s+(\d+)/m.exec(limits);
  return found === null ? Infinity : Number(found[1]);
}
