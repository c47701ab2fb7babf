import { configure } from "@testing-library/dom";

// How long a test waits for what it looks for: generous, since a slow and busy machine is no defect.
configure({ asyncUtilTimeout: 60_000 });

// For tests: in Node a request has no page that its address could be relative to, and takes no signal of jsdom's.
const Bare = globalThis.Request;

globalThis.Request = class extends Bare {
  constructor(input: RequestInfo | URL, init?: RequestInit) {
    super(typeof input === "string" ? new URL(input, "http://rep.test") : input, { ...init, signal: null });
  }
};
