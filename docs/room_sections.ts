/** Which test shows which section of XEP-0045, and of the specifications that go with it. */

export interface RoomSection {
  /** Of XEP-0045, or the number of another XEP. */
  readonly section: string;
  readonly what: string;
  /** Files of `tests/protocol`, without `_test.ts`. */
  readonly tests: readonly string[];
}

export const roomSections: readonly RoomSection[] = [];
