import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type RefObject, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { api, ApiError, isRetryable, unwrap } from "~/api/client";
import type { DeadLetterDetail, Replayed } from "~/api/types";
import { tell } from "~/app/problems";
import { useLocale } from "~/i18n";
import { formatAgo, formatNumber } from "~/lib/format";
import { newTraceId } from "~/lib/id";
import { useNow } from "~/lib/useNow";
import { Button } from "~/ui/Button";
import { CopyButton } from "~/ui/Copy";
import { CodeField } from "~/ui/Field";
import { Icon } from "~/ui/Icon";
import { Words } from "~/ui/Words";

import css from "./dlq.module.css";
import { draftOf, idField, parseDraft, type Replays } from "./letters";

interface Press {
  /** One for each press: a request that is sent again writes no second record. */
  key: string;
  /** The repaired event; without it the record goes as it was. */
  event?: Record<string, unknown> | undefined;
  force: boolean;
}

interface ReplayProps {
  letter: DeadLetterDetail;
  replayed: Replays[string] | undefined;
  onReplayed: (replayed: Replayed) => void;
  draft: string | undefined;
  onDraft: (draft: string | undefined) => void;
}

const RETRIES_MAX = 2;

/** Writes the record again, as it was or repaired, and says what became of that. */
export function Replay({ letter, replayed, onReplayed, draft, onDraft }: ReplayProps) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const replay = useMutation({
    mutationFn: ({ key, event, force }: Press) =>
      unwrap(
        api.POST("/dead-letters/{id}/replay", {
          params: { path: { id: letter.id }, header: { "Idempotency-Key": key } },
          // Any object, in the document as in the editor.
          body: { ...(force ? { force } : {}), ...(event ? { event: event as Record<string, never> } : {}) },
        }),
      ),
    retry: (count, error) => count < RETRIES_MAX && isRetryable(error),
    onSuccess: (done) => {
      onReplayed(done);
      void client.invalidateQueries({ queryKey: ["dead-letters"] });
    },
  });
  const press = (event?: Record<string, unknown>, force = false) => {
    if (!replay.isPending) replay.mutate({ key: newTraceId(), event, force });
  };
  const root = useRef<HTMLElement>(null);
  const pressed = replay.variables;
  const fields = replay.error instanceof ApiError && pressed?.event ? replay.error.fields : [];

  return (
    <section ref={root} className={css.replay} aria-label={t("dlq.replay")} tabIndex={-1}>
      <h3>{t("dlq.replay")}</h3>
      <p className="muted">{t("dlq.replayHint")}</p>
      {draft === undefined ? (
        <div className={css.acts}>
          {/* Not disabled while it waits: that would take the focus away. */}
          <Button tone="primary" icon="play" aria-disabled={replay.isPending} onClick={() => press()}>{replay.isPending ? t("dlq.sending") : t("dlq.asItWas")}</Button>
          <Button disabled={replay.isPending} onClick={() => { replay.reset(); onDraft(draftOf(letter)); }}>{t("dlq.repair")}</Button>
        </div>
      ) : (
        <Editor
          letter={letter}
          draft={draft}
          isSending={replay.isPending}
          refused={fields.map((one) => `\`${one.field}\` ${one.message}`)}
          onChange={(text) => { if (!replay.isPending) replay.reset(); onDraft(text); }}
          onSend={(event) => press(event)}
          onCancel={() => { replay.reset(); onDraft(undefined); root.current?.focus({ preventScroll: true }); }}
        />
      )}
      {replay.error && fields.length === 0 && pressed && (
        <Refused error={replay.error} forced={pressed.force} onForce={() => press(pressed.event, true)} onRetry={() => replay.mutate(pressed)} />
      )}
      {replayed && !replay.error && <Done key={replayed.at} replayed={replayed} />}
    </section>
  );
}

/** Brings what has just appeared into sight, below what was pressed; it takes the focus where the button that had it is gone. */
function useInSight(): RefObject<HTMLDivElement | null> {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // Where nothing is laid out there is nothing to scroll.
    (ref.current as Partial<HTMLDivElement> | null)?.scrollIntoView?.({ block: "nearest" });
    if (document.activeElement === document.body) ref.current?.focus({ preventScroll: true });
  }, []);
  return ref;
}

interface EditorProps {
  letter: DeadLetterDetail;
  draft: string;
  isSending: boolean;
  /** What the API says of the fields of what was sent. */
  refused: readonly string[];
  onChange: (text: string) => void;
  onSend: (event: Record<string, unknown>) => void;
  onCancel: () => void;
}

function Editor({ letter, draft, isSending, refused, onChange, onSend, onCancel }: EditorProps) {
  const { t } = useTranslation();
  const root = useInSight();
  const area = useRef<HTMLTextAreaElement>(null);
  // Nobody is told off in the middle of a word: only once it was to be sent.
  const [isChecked, setChecked] = useState(false);
  const parsed = parseDraft(draft);
  const wrong = "event" in parsed ? undefined : parsed.wrong === "object" ? t("dlq.notObject") : "line" in parsed ? t("dlq.notJsonAt", { line: parsed.line, column: parsed.column }) : t("dlq.notJson", { message: parsed.message });
  const original = draftOf(letter);
  const send = () => {
    setChecked(true);
    if ("event" in parsed) onSend(parsed.event);
    else area.current?.focus();
  };
  return (
    <div ref={root} className={css.editor}>
      <CodeField
        ref={area}
        autoFocus
        label={t("dlq.editor")}
        hint={letter.event ? t("dlq.idStays", { field: idField(letter.topic) }) : t("dlq.idGiven", { field: idField(letter.topic) })}
        rows={Math.min(22, Math.max(10, draft.split("\n").length + 1))}
        value={draft}
        errors={isChecked && wrong !== undefined ? [wrong] : refused}
        onChange={(event) => onChange(event.target.value)}
      />
      <div className={css.acts}>
        <Button tone="primary" icon="play" aria-disabled={isSending} onClick={send}>{isSending ? t("dlq.sending") : t("dlq.sendRepaired")}</Button>
        <Button disabled={isSending || draft === original} onClick={() => onChange(original)}>{t("dlq.startOver")}</Button>
        <Button tone="quiet" disabled={isSending} onClick={onCancel}>{t("common.cancel")}</Button>
      </div>
    </div>
  );
}

interface RefusedProps {
  error: Error;
  forced: boolean;
  onForce: () => void;
  onRetry: () => void;
}

function Refused({ error, forced, onForce, onRetry }: RefusedProps) {
  const { t } = useTranslation();
  const root = useInSight();
  const told = tell(error, t);
  const { traceId } = told;
  const isConflict = error instanceof ApiError && error.status === 409;
  return (
    <div ref={root} tabIndex={-1} className={css.note} data-tone={isConflict ? "warn" : "bad"} role="alert">
      <Icon name="warn" />
      <div>
        <p><b>{isConflict ? t("dlq.refused") : told.title}</b></p>
        <p className={css.said}><Words text={told.text} /></p>
        {isConflict && <p className="muted">{forced ? t("dlq.refusedForced") : t("dlq.refusedHint")}</p>}
        <div className={css.acts}>
          {isConflict && !forced ? <Button tone="danger" onClick={onForce}>{t("dlq.force")}</Button> : <Button onClick={onRetry}>{t("common.retry")}</Button>}
          {traceId && <CopyButton label={`${t("common.traceId")} ${traceId.slice(0, 8)}…`} text={() => traceId} />}
        </div>
      </div>
    </div>
  );
}

function Done({ replayed }: { replayed: Replays[string] }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const now = useNow();
  const root = useInSight();
  return (
    <div ref={root} tabIndex={-1} className={css.note} data-tone="good">
      <Icon name="check" />
      <div>
        {/* The age beside it changes each second, and is not said each time. */}
        <div role="status">
          <p><b>{t("dlq.done")}</b></p>
          <p><span className="mono">{replayed.topic}</span> · <span className="num">{t("dlq.place", { partition: replayed.partition, offset: formatNumber(replayed.offset, locale) })}</span></p>
        </div>
        <p className="muted">{now - replayed.at < 1500 ? t("common.now") : formatAgo(replayed.at, now, locale)} · {t("dlq.stays")}</p>
      </div>
    </div>
  );
}
