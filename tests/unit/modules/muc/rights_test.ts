/** Who may do what in rooms: the rules against tables made from the specification. */

import assert from "node:assert/strict";
import { AFFILIATIONS, compareAffiliations, ROLES } from "../../../../lib/formats/muc.ts";
import {
  defaultRole,
  isAdmin,
  mayChangeAffiliation,
  mayChangeOwn,
  mayChangeRole,
  roleAfter,
} from "../../../../modules/muc/rights.ts";
import {
  affiliationOutcome,
  CONDITIONS,
  ownOutcome,
  roleOutcome,
  STANDING_NAMES,
  STANDINGS,
} from "../../../helpers/muc_privileges.ts";

const PRESENT = ["moderator", "participant", "visitor"] as const;
const ENTERING = ["owner", "admin", "member", "none"] as const;

Deno.test("§5.1.3, §8, §9: every change of a role by everybody to everybody", () => {
  for (const by of STANDING_NAMES) {
    for (const of of STANDING_NAMES) {
      for (const to of ROLES) {
        const expected = CONDITIONS[roleOutcome(by, of, to)];
        assert.equal(
          mayChangeRole(STANDINGS[by], STANDINGS[of], to),
          expected,
          `${by} ${of} ${to}`,
        );
      }
    }
  }
});

Deno.test("§5.2.2, §9, §10: every change of an affiliation by everybody to everybody", () => {
  for (const by of AFFILIATIONS) {
    for (const of of AFFILIATIONS) {
      for (const to of AFFILIATIONS) {
        const expected = CONDITIONS[affiliationOutcome(by, of, to)];
        assert.equal(mayChangeAffiliation(by, of, to), expected, `${by} ${of} ${to}`);
      }
    }
  }
});

Deno.test("§9.1, §10.4: changes of one's own affiliation", () => {
  for (const own of AFFILIATIONS) {
    for (const to of AFFILIATIONS) {
      for (const owners of [1, 2]) {
        const isLast = own === "owner" && owners === 1;
        const got = mayChangeOwn(own, to, owners) ?? mayChangeAffiliation(own, own, to);
        // Who is no admin does not come as far as this.
        if (isAdmin(own)) {
          assert.equal(got, CONDITIONS[ownOutcome(own, isLast, to)], `${own} ${to}`);
        } else assert.notEqual(got, undefined);
      }
    }
  }
});

Deno.test("§5: whatever roles a module gives, nobody makes more of anybody than oneself is", () => {
  for (const affiliation of ENTERING) {
    for (const role of PRESENT) {
      const by = { affiliation, role };
      for (const target of ENTERING) {
        for (const before of PRESENT) {
          const of = { affiliation: target, role: before };
          for (const to of ROLES) {
            if (mayChangeRole(by, of, to) !== undefined || to === before) continue;
            const change = `${affiliation}/${role}: ${target}/${before} to ${to}`;
            assert.equal(role, "moderator", change);
            if (to === "moderator") assert.ok(isAdmin(affiliation), change);
            if (to === "none") assert.ok(compareAffiliations(affiliation, target) >= 0, change);
            if (to === "visitor") assert.ok(!isAdmin(target), change);
          }
        }
      }
    }
  }
});

Deno.test("§5.1.2: the role with which one enters", () => {
  for (const moderated of [true, false]) {
    assert.equal(defaultRole("owner", moderated), "moderator");
    assert.equal(defaultRole("admin", moderated), "moderator");
    assert.equal(defaultRole("member", moderated), "participant");
    assert.equal(defaultRole("none", moderated), moderated ? "visitor" : "participant");
  }
});

Deno.test("§5.1.3: the role after another affiliation is the one that goes with it, or the old one", () => {
  for (const moderated of [true, false]) {
    for (const role of PRESENT) {
      for (const before of ENTERING) {
        assert.equal(roleAfter(role, before, "owner", moderated), "moderator");
        assert.equal(roleAfter(role, before, "admin", moderated), "moderator");
      }
      // A member has voice.
      assert.notEqual(roleAfter(role, "none", "member", moderated), "visitor");
    }
    // What went with being an admin goes with it; what was granted on its own stays.
    for (const after of ["member", "none"] as const) {
      const usual = defaultRole(after, moderated);
      assert.equal(roleAfter("moderator", "owner", after, moderated), usual);
      assert.equal(roleAfter("moderator", "admin", after, moderated), usual);
    }
    assert.equal(roleAfter("moderator", "none", "member", moderated), "moderator");
    assert.equal(roleAfter("moderator", "member", "none", moderated), "moderator");
  }
});
