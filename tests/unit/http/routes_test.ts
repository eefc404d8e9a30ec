import assert from "node:assert/strict";
import { HttpRoutes } from "../../../lib/http/routes.ts";

const app = { fetch: () => new Response("") };

Deno.test("routes: whole segments, the longest first, and what they leave", () => {
  const routes = new HttpRoutes();
  const remove = routes.add("a", "/files", app);
  routes.add("b", "/files/more", app);
  const found = (path: string) => routes.find(path)?.module;
  assert.equal(found("/files"), "a");
  assert.equal(found("/files/"), "a");
  assert.equal(found("/files/x/y"), "a");
  assert.equal(found("/files/more"), "b");
  assert.equal(found("/files/more/x"), "b");
  assert.equal(found("/files/moreover"), "a");
  assert.equal(found("/filesystem"), undefined);
  assert.equal(found("/"), undefined);
  assert.equal(found(""), undefined);
  routes.add("c", "/", app);
  assert.equal(found("/"), "c");
  assert.equal(found("/anything/else"), "c");
  remove();
  assert.equal(found("/files/x"), "c");
  assert.equal(routes.size, 2);
  assert.throws(() => routes.add("d", "/files/more", app), /taken by the module b/);
  for (const path of ["x", "/x/", "//", "/a b", "/a?b", "/%61"]) {
    assert.throws(() => routes.add("d", path, app), /is no path/, path);
  }
});
