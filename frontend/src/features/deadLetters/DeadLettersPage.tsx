import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Replayed } from "~/api/types";
import type { DeadLettersSearch } from "~/app/search";
import { SelectField } from "~/ui/Field";
import { Icon } from "~/ui/Icon";

import css from "./dlq.module.css";
import { LetterList } from "./LetterList";
import { LetterPanel } from "./LetterPanel";
import { REASONS, type Replays, TOPICS } from "./letters";

const route = getRouteApi("/live/dead-letters");

/** What could not be processed: what each record says, and a way to write it again. */
export function DeadLettersPage() {
  const { t } = useTranslation();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [replays, setReplays] = useState<Replays>({});
  // By letter, so that closing the panel loses no work.
  const [drafts, setDrafts] = useState<Readonly<Record<string, string | undefined>>>({});
  const set = (change: Partial<DeadLettersSearch>) => void navigate({ search: (before) => ({ ...before, ...change }), replace: true, resetScroll: false });
  const { topic, reason, letter } = search;

  return (
    <div className={css.page}>
      <h1 className="sr-only">{t("dlq.title")}</h1>
      <div className={css.tools}>
        <Link to="/live" className={css.back}><Icon name="chevron" />{t("nav.live")}</Link>
        <p className={css.intro}>{t("dlq.intro")}</p>
        <div className={css.filters}>
          <Choice label={t("dlq.reason")} value={reason} options={REASONS} onChange={(chosen) => set({ reason: chosen })} />
          <Choice label={t("dlq.topic")} value={topic} options={TOPICS} onChange={(chosen) => set({ topic: chosen })} />
        </div>
      </div>
      <LetterList filters={{ topic, reason }} selected={letter} replays={replays} onOpen={(id) => set({ letter: id })} onClear={() => set({ topic: undefined, reason: undefined })} />
      {letter !== undefined && (
        <LetterPanel
          key={letter}
          id={letter}
          replayed={replays[letter]}
          onReplayed={(replayed: Replayed) => setReplays((before) => ({ ...before, [replayed.id]: { ...replayed, at: Date.now() } }))}
          draft={drafts[letter]}
          onDraft={(draft) => setDrafts((before) => ({ ...before, [letter]: draft }))}
          onClose={() => set({ letter: undefined })}
        />
      )}
    </div>
  );
}

interface ChoiceProps {
  label: string;
  value: string | undefined;
  options: readonly string[];
  onChange: (value: string | undefined) => void;
}

/** A filter. What a link names stays on offer, also where we do not know it. */
function Choice({ label, value, options, onChange }: ChoiceProps) {
  const { t } = useTranslation();
  const all = value === undefined || options.includes(value) ? options : [...options, value];
  return (
    <SelectField label={label} value={value ?? ""} onChange={(event) => onChange(event.target.value || undefined)}>
      <option value="">{t("common.any")}</option>
      {all.map((one) => <option key={one} value={one}>{one}</option>)}
    </SelectField>
  );
}
