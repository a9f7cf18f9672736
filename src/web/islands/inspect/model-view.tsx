import { useMemo } from 'preact/hooks'
import { printable, type Inspection } from '../../../gguf/index.ts'
import { State } from '../../components/bits.tsx'
import { Chambers } from '../../components/chambers.tsx'
import { formatBytes, formatCount, formatParameters } from '../format.ts'
import { FindingsPanel } from './findings-panel.tsx'
import { KnownPanel } from './known-panel.tsx'
import { LabelPanel } from './label-panel.tsx'
import { MetadataPanel } from './metadata-panel.tsx'
import { NeedsPanel } from './needs-panel.tsx'
import type { ModelReport } from './report.ts'
import { SafeText } from './safe-text.tsx'
import { SafetensorsPanel } from './safetensors-panel.tsx'
import type { InspectActions, InspectState } from './state.ts'
import { TemplatePanel } from './template-panel.tsx'
import { TensorsPanel } from './tensors-panel.tsx'
import { chambersOf, VERDICTS } from './verdict.ts'

interface ModelViewProps {
  report: ModelReport
  state: InspectState
  act: InspectActions
}

/** Everything about one model file, the verdict first. */
export function ModelView({ report, state, act }: ModelViewProps) {
  // Progress redraws ten times a second; what does not change with it is not drawn again.
  const top = useMemo(() => <Top report={report} />, [report])
  const rest = useMemo(() => <Rest report={report} />, [report])
  return (
    <article class="model inspected">
      {top}
      <KnownPanel state={state} act={act} />
      {rest}
    </article>
  )
}

function Top({ report: { inspection, files } }: { report: ModelReport }) {
  const { verdict, findings, kind, gguf_version, architecture } = inspection
  const { word, stamp, note, tone } = VERDICTS[verdict]
  return (
    <>
      <header class="title-card">
        <div>
          <h2 class="title title-s">
            <SafeText text={files[0]?.name ?? 'A file'} limit={120} />
          </h2>
          <Chips inspection={inspection} />
        </div>
      </header>
      <Chambers
        title="What the browser found"
        code={gguf_version === null ? (kind ?? 'not read as GGUF') : `GGUF v${gguf_version}`}
        kind={`inspect-verdict consensus-${verdict === 'accept' ? 'verified' : 'open'}`}
        facts={[
          { label: 'Kind', value: kind ?? 'unknown' },
          { label: 'Size', value: formatBytes(inspection.size_bytes) },
          { label: 'Architecture', value: architecture === null ? '—' : printable(architecture, 24) },
          { label: 'Findings', value: formatCount(findings.length) },
        ]}
        stamp={{ word: word.toUpperCase(), class: stamp, spoken: 'Verdict' }}
        centre="Verdict"
        chambers={chambersOf(inspection)}
        note={{ text: note, tone }}
      />
    </>
  )
}

function Chips({ inspection }: { inspection: Inspection }) {
  const { verdict, quantisation, parameters, metadata, shards, size_bytes } = inspection
  const { word, tone } = VERDICTS[verdict]
  const proven = quantisation?.match === 'exact' && verdict !== 'reject'
  return (
    <ul class="chips">
      <li class={`chip tone-${tone}`}>
        <State word={{ text: word, tone }} />
      </li>
      {quantisation === null || quantisation.total === 0 ? null : (
        <li class={`chip tone-${proven ? 'ok' : quantisation.match === 'mislabelled' ? 'bad' : 'warn'}`}>
          {proven
            ? `${quantisation.claimed ?? quantisation.proven[0] ?? ''} proven ${quantisation.matched}/${quantisation.total}`
            : `${quantisation.matched}/${quantisation.total} tensors match`}
        </li>
      )}
      {parameters === null || parameters === 0 ? null : <li class="chip">{formatParameters(parameters)}</li>}
      <li class="chip">{formatBytes(size_bytes)}</li>
      {shards > 1 ? <li class="chip">{formatCount(shards)} shards</li> : null}
      {metadata?.licence ? (
        <li class="chip">
          <SafeText text={metadata.licence} limit={40} />
        </li>
      ) : null}
      {metadata?.name ? (
        <li class="chip chip-own">
          <span class="quiet-text">calls itself</span> <SafeText text={metadata.name} limit={120} />
        </li>
      ) : null}
    </ul>
  )
}

function Rest({ report: { inspection, tables } }: { report: ModelReport }) {
  return (
    <>
      <FindingsPanel findings={inspection.findings} />
      {inspection.quantisation === null ? null : (
        <LabelPanel inspection={inspection} quantisation={inspection.quantisation} />
      )}
      {inspection.memory === null ? null : <NeedsPanel memory={inspection.memory} />}
      {inspection.safetensors === null ? null : <SafetensorsPanel summary={inspection.safetensors} />}
      {tables === null ? null : (
        <>
          <TemplatePanel inspection={inspection} templates={tables.templates} />
          <MetadataPanel rows={tables.metadata} />
        </>
      )}
      {inspection.tensor_table === null ? null : (
        <TensorsPanel inspection={inspection} tensors={inspection.tensor_table} />
      )}
    </>
  )
}
