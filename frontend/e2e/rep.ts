// A rep of a test's own, beside the one that the other tests share.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { PATIENCE_MS } from "./patience.ts";

const REPO = resolve(import.meta.dirname, "../..");
const BINARY = process.env.REP_BIN ?? join(REPO, "target/debug/rep");
const READY_MS_MAX = 2 * PATIENCE_MS;
const STOP_MS_MAX = PATIENCE_MS;
const LOG_CHARS_KEPT = 4000;

export interface Rep {
  /** Where its dashboard is. */
  url: string;
  stop: () => Promise<void>;
}

/** Starts `rep up` on ports of its own, and waits until it says that it is ready. `env` is where secrets belong. */
export async function startRep(portOffset: number, flags: readonly string[], env: Record<string, string>): Promise<Rep> {
  if (!existsSync(BINARY)) throw new Error(`there is no ${BINARY}: build it by \`cargo build --bin rep\`, or name one in REP_BIN`);
  const data = await mkdtemp(join(tmpdir(), "rep-e2e-"));
  const args = ["up", "--data-dir", data, "--port-offset", String(portOffset), ...flags];
  const child = spawn(BINARY, args, { cwd: REPO, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log = (log + text).slice(-LOG_CHARS_KEPT)));
  // Should the tests end without their last act.
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const stop = async () => {
    const code = await end(child);
    process.off("exit", kill);
    await rm(data, { recursive: true, force: true });
    if (code !== 0) throw new Error(`rep did not stop cleanly (${code ?? "killed"}); its log:\n${log}`);
  };
  const url = await readyAt(child);
  if (url === undefined) {
    await stop().catch(() => undefined);
    throw new Error(`rep did not become ready; its log:\n${log}`);
  }
  return { url, stop };
}

/** The dashboard's address, of the line by which `rep up` says that it is ready. */
function readyAt(child: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), READY_MS_MAX);
    const settle = (url?: string) => {
      clearTimeout(timer);
      resolve(url);
    };
    let said = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const [, url] = /^rep is ready: .*?\bdashboard (\S+)/m.exec(said) ?? [];
      if (url) settle(url);
    });
    child.once("exit", () => settle());
  });
}

/** Its exit status; null if it had to be killed. */
async function end(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
  const code = await ended;
  clearTimeout(timer);
  return code;
}
