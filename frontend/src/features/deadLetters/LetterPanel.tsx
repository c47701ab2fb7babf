import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { curlOf } from "~/api/client";
import { deadLetterQuery } from "~/api/queries";
import type { DeadLetterDetail, Replayed } from "~/api/types";
import { ErrorNote } from "~/app/ErrorNote";
import { useLocale } from "~/i18n";
import { formatAgo, formatBytes, formatNumber } from "~/lib/format";
import { useNow } from "~/lib/useNow";
import { CopyButton } from "~/ui/Copy";
import { SidePanel } from "~/ui/SidePanel";
import { Skeleton } from "~/ui/States";
import { Words } from "~/ui/Words";

import css from "./dlq.module.css";
import { hexDump, knownReason, type Replays, SHOWN_BYTES } from "./letters";
import { Replay } from "./Replay";

interface LetterPanelProps {
  id: string;
  /** Where the record went, if it was replayed here. */
  replayed: Replays[string] | undefined;
  onReplayed: (replayed: Replayed) => void;
  /** The repair under way. */
  draft: string | undefined;
  onDraft: (draft: string | undefined) => void;
  onClose: () => void;
}

/** One letter: what went wrong, what its record says, and how to write it again. */
export function LetterPanel({ id, onClose, ...replay }: LetterPanelProps) {
  const { t } = useTranslation();
  const found = useQuery(deadLetterQuery(id));
  const letter = found.data;
  return (
    <SidePanel
      wide
      title={t("dlq.letter", { id })}
      onClose={onClose}
      foot={letter && (
        <>
          <CopyButton label={t("common.copyJson")} text={() => JSON.stringify(letter, null, 2)} />
          <CopyButton label={t("common.copyCurl")} text={() => curlOf(`/dead-letters/${encodeURIComponent(id)}`)} />
        </>
      )}
    >
      {letter ? (
        <div className={css.panel}>
          <Facts letter={letter} />
          <Says letter={letter} />
          <Replay letter={letter} {...replay} />
        </div>
      ) : found.error ? (
        <ErrorNote error={found.error} onRetry={() => void found.refetch()} />
      ) : (
        <div className={css.panel}><Skeleton height={180} radius={8} /><Skeleton height={240} radius={8} /></div>
      )}
    </SidePanel>
  );
}

function Facts({ letter }: { letter: DeadLetterDetail }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const now = useNow();
  const known = knownReason(letter.reason);
  const at = Date.parse(letter.failedAt);
  return (
    <section>
      <h3 className="mono">{letter.reason}</h3>
      {known && <p className="muted">{t(`dlq.why.${known}`)}</p>}
      <p className={css.error}><Words text={letter.error} /></p>
      <dl className={css.kv}>
        <dt>{t("dlq.record")}</dt><dd><span className="mono">{letter.topic}</span> · <span className="num">{t("dlq.place", { partition: letter.partition, offset: formatNumber(letter.offset, locale) })}</span></dd>
        {letter.key !== undefined && <><dt>{t("dlq.key")}</dt><dd className="mono">{letter.key}</dd></>}
        <dt>{t("dlq.when")}</dt><dd className="num">{new Date(at).toLocaleString(locale)} · {formatAgo(at, now, locale)}</dd>
        <dt>{t("dlq.group")}</dt><dd className="num"><span className="mono">{letter.group}</span> · {t("dlq.attempts", { count: letter.attempts })}</dd>
        <dt>{t("dlq.size")}</dt><dd className="num">{formatBytes(letter.payloadBytes, locale)}{letter.cutFromSha256 !== undefined && ` · ${t("dlq.cut")}`}</dd>
        {letter.cutFromSha256 !== undefined && <><dt>SHA-256</dt><dd className="mono">{letter.cutFromSha256}</dd></>}
      </dl>
    </section>
  );
}

/** The event, or what is there instead. */
function Says({ letter }: { letter: DeadLetterDetail }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const label = letter.event ? t("dlq.says") : t("dlq.payload");
  return (
    <section className={css.says}>
      <h3>{t("dlq.says")}</h3>
      {letter.decodeError && <p>{t("dlq.undecoded")} <b className="mono">{letter.decodeError.reason}</b> <span className="muted"><Words text={letter.decodeError.message} /></span></p>}
      {/* In reach of the keyboard, for it may have to be scrolled. */}
      <pre className={css.code} role="region" aria-label={label} tabIndex={0}>{letter.event ? JSON.stringify(letter.event, null, 2) : hexDump(letter.payload)}</pre>
      {!letter.event && (
        <div className={css.acts}>
          <span className="muted num">{letter.payloadBytes > SHOWN_BYTES ? t("dlq.firstBytes", { n: formatNumber(SHOWN_BYTES, locale) }) : t("dlq.allBytes")}</span>
          <CopyButton label="Base64" text={() => letter.payload} />
        </div>
      )}
    </section>
  );
}
