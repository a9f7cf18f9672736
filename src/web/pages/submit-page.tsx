import { AnnounceHelp } from '../components/announce-help.tsx'
import { Panel } from '../components/bits.tsx'
import { Field } from '../components/field.tsx'
import { Layout } from '../components/layout.tsx'
import { PageTitle } from '../components/page-title.tsx'
import { SOURCE_WORDS } from '../components/wording.ts'
import { LocalView } from '../islands/submit/local-view.tsx'
import { NOTHING, type LocalActions } from '../islands/submit/state.ts'
import type { FormState, SubmitPageProps } from '../page-types.ts'

/** The submission form: every field the mission names, in the order a person has the answers. */
export function SubmitPage({ context, form: given, trackers }: SubmitPageProps) {
  const form = withTorrentDetail(given)
  return (
    <Layout
      context={context}
      title="Submit a model"
      description="Submit a model with its torrent and checksums; it is downloaded, checked and reviewed before it is listed."
      canonical="/submit"
      scripts={['copy', 'submit']}
    >
      <PageTitle
        word="Submit a model"
        say="Drop the model: your browser reads it, proves its label, makes the .torrent and fills this in. Then keep seeding: a verifier downloads it from you."
      />
      {context.member === null ? (
        <p class="notice notice-warn">
          <span>
            You are not signed in. <a href="/sign-in?next=%2Fsubmit">Sign in first</a>, so that the listing
            carries your name.
          </span>
        </p>
      ) : null}
      <Problem form={form} />
      <div class="broadcast-slot" id="submit-broadcast" role="alert" />
      <div class="submit-page">
        <form
          class="submit"
          method="post"
          action="/submit"
          encType="multipart/form-data"
          data-island="submit"
          data-trackers={JSON.stringify(trackers)}
          data-fresh={Object.keys(form.values).length === 0 ? 'true' : 'false'}
        >
          <LocalFile />
          <FileFields form={form} />
          <SourceFields form={form} />
          <WordFields form={form} />
          <SignatureField form={form} />
          <div class="submit-end">
            <button type="submit" class="button button-main">
              Submit for verification
            </button>
            <p class="quiet-text">
              It joins the queue. What you write here becomes part of a public record, under your handle.
            </p>
          </div>
        </form>
        <aside class="column" aria-label="Torrent and seeding">
          <AnnounceHelp trackers={trackers} file="model-Q4_K_M.gguf" />
          <WhatFollows />
        </aside>
      </div>
    </Layout>
  )
}

function WhatFollows() {
  return (
    <Panel title="What follows" code={<a href="/trust">the rules</a>}>
      <ol class="steps">
        <li>It joins the queue, and you see its page at once.</li>
        <li>A verifier downloads it from you over BitTorrent and checks every byte.</li>
        <li>It proves the label tensor by tensor and runs the model in a sandbox.</li>
        <li>A reviewer reads the report and decides, unless your tier publishes at once.</li>
      </ol>
    </Panel>
  )
}

function hasFailed({ problem, errors }: FormState): boolean {
  return problem !== null || Object.keys(errors).length > 0
}

/** What was expected of a file says little ("a value"): its error is the problem's whole sentence. */
function withTorrentDetail(form: FormState): FormState {
  const { problem, errors } = form
  if (problem === null || errors['torrent'] === undefined) return form
  return { ...form, errors: { ...errors, torrent: problem.detail } }
}

function Problem({ form: { problem, errors } }: { form: FormState }) {
  const wrong = Object.entries(errors)
  if (problem === null && wrong.length === 0) return null
  return (
    <div class="notice notice-bad" role="alert">
      <div>
        <h2 class="label">{problem?.title ?? 'Not submitted'}</h2>
        {problem === null ? null : (
          <p>
            {problem.detail}
            {problem.existing === undefined ? null : (
              <>
                {' '}
                <a href={problem.existing}>Open that listing</a>
              </>
            )}
          </p>
        )}
        {wrong.length === 0 ? null : (
          <ul>
            {wrong.map(([name, error]) => (
              <li key={name}>
                <a href={`#${name}`}>{name.replaceAll('_', ' ')}</a>
                {error === problem?.detail ? null : `: ${error}`}
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  )
}

const INERT: LocalActions = { take: () => {}, cancel: () => {} }

/** Only shown where the island runs: it reads files without uploading anything. */
function LocalFile() {
  return (
    <div data-part="local" hidden>
      <Panel title="Fill in from files" code="stays on your machine">
        <div data-part="local-root">
          <LocalView state={NOTHING} act={INERT} />
        </div>
      </Panel>
    </div>
  )
}

function FileFields({ form }: { form: FormState }) {
  return (
    <Panel title="The file" code="1 / 4">
      <div class="fields">
        <Field
          form={form}
          name="name"
          label="Model name"
          hint="As people search for it, with size and quantisation."
          required
          wide
        >
          {(control, value) => (
            <input {...control} value={value} required maxLength={120} autocomplete="off" />
          )}
        </Field>
        <Field
          form={form}
          name="torrent"
          label=".torrent file"
          hint={`Best: it carries the piece hashes and the trackers.${hasFailed(form) ? ' Choose the file again: browsers do not keep it after an error.' : ''}`}
        >
          {(control) => <input {...control} type="file" accept=".torrent,application/x-bittorrent" />}
        </Field>
        <Field
          form={form}
          name="info_hash"
          label="or info hash, or magnet"
          hint="40 hexadecimal digits (v1), 64 (v2), or a magnet link, if you give no .torrent."
        >
          {(control, value) => (
            <input
              {...control}
              value={value}
              maxLength={8192}
              class="mono"
              autocomplete="off"
              spellcheck={false}
            />
          )}
        </Field>
        <Field
          form={form}
          name="size_bytes"
          label="Size in bytes"
          hint="Of the model file. Read from the .torrent where you give one."
        >
          {(control, value) => (
            <input
              {...control}
              value={value}
              inputMode="numeric"
              pattern="[0-9]{1,16}"
              class="mono"
              autocomplete="off"
            />
          )}
        </Field>
        <Field
          form={form}
          name="quantisation"
          label="Quantisation"
          hint="As llama.cpp names it, such as Q4_K_M or F16. It will be proven tensor by tensor."
        >
          {(control, value) => (
            <input
              {...control}
              value={value}
              maxLength={24}
              class="mono"
              autocomplete="off"
              spellcheck={false}
            />
          )}
        </Field>
        <Field
          form={form}
          name="sha256"
          label="SHA256"
          hint="64 hexadecimal digits, from sha256sum."
          required
          wide
        >
          {(control, value) => (
            <input
              {...control}
              value={value}
              required
              maxLength={80}
              class="mono"
              autocomplete="off"
              spellcheck={false}
            />
          )}
        </Field>
        <Field
          form={form}
          name="md5"
          label="MD5"
          hint="32 hexadecimal digits, from md5sum. Only for looking up, never evidence."
          wide
        >
          {(control, value) => (
            <input
              {...control}
              value={value}
              maxLength={32}
              class="mono"
              autocomplete="off"
              spellcheck={false}
            />
          )}
        </Field>
      </div>
    </Panel>
  )
}

function SourceFields({ form }: { form: FormState }) {
  return (
    <Panel title="Where it comes from" code="2 / 4">
      <div class="fields">
        <Field form={form} name="source_type" label="Source" required>
          {(control, value) => (
            <select {...control} required>
              {Object.entries(SOURCE_WORDS).map(([type, word]) => (
                <option value={type} key={type} selected={type === (value === '' ? 'user_upload' : value)}>
                  {word}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field
          form={form}
          name="source_url"
          label="URL"
          hint="Where the original is published. The address of a file on Hugging Face fills in the next three."
        >
          {(control, value) => (
            <input {...control} value={value} type="url" maxLength={2000} autocomplete="off" />
          )}
        </Field>
        <Field form={form} name="source_repository" label="Repository" hint="As organisation/name.">
          {(control, value) => (
            <input {...control} value={value} maxLength={193} autocomplete="off" spellcheck={false} />
          )}
        </Field>
        <Field
          form={form}
          name="source_commit"
          label="Commit"
          hint="40 hexadecimal digits: what the repository was when you took it. A branch such as main can change: it pins nothing, and the source then stays a claim."
        >
          {(control, value) => (
            <input
              {...control}
              value={value}
              maxLength={40}
              class="mono"
              autocomplete="off"
              spellcheck={false}
            />
          )}
        </Field>
        <Field
          form={form}
          name="source_path"
          label="Path in the repository"
          hint="Only if this very file is there at that commit: its SHA-256 is then asked for and compared, and a difference refuses the listing. Leave it empty if yours was made from what is there."
        >
          {(control, value) => (
            <input
              {...control}
              value={value}
              maxLength={1024}
              class="mono"
              autocomplete="off"
              spellcheck={false}
            />
          )}
        </Field>
        <Field form={form} name="quantised_by" label="Quantised by">
          {(control, value) => <input {...control} value={value} maxLength={80} autocomplete="off" />}
        </Field>
        <Field form={form} name="licence" label="Licence" hint="Such as Apache-2.0 or Llama 3.3.">
          {(control, value) => <input {...control} value={value} maxLength={80} autocomplete="off" />}
        </Field>
      </div>
    </Panel>
  )
}

function WordFields({ form }: { form: FormState }) {
  return (
    <Panel title="What it is for" code="3 / 4">
      <div class="fields">
        <Field
          form={form}
          name="tags"
          label="Tags"
          hint="Up to 16, between spaces or commas: chat, code, vision."
        >
          {(control, value) => (
            <input {...control} value={value} maxLength={600} autocomplete="off" autocapitalize="none" />
          )}
        </Field>
        <Field
          form={form}
          name="hardware"
          label="Hardware requirements"
          hint="Such as 24 GB of memory at 8k context."
        >
          {(control, value) => <input {...control} value={value} maxLength={200} autocomplete="off" />}
        </Field>
        <Field
          form={form}
          name="readme"
          label="README"
          hint="Markdown: what it is, what changed, how to run it."
          wide
        >
          {(control, value) => <textarea {...control} value={value} rows={8} maxLength={65_536} />}
        </Field>
        <Field
          form={form}
          name="benchmarks"
          label="Benchmarks (optional)"
          hint="Markdown: figures with the command and the machine."
          wide
        >
          {(control, value) => <textarea {...control} value={value} rows={4} maxLength={65_536} />}
        </Field>
      </div>
    </Panel>
  )
}

function SignatureField({ form }: { form: FormState }) {
  return (
    <Panel title="Signature" code="4 / 4 · optional">
      <div class="fields">
        <Field
          form={form}
          name="signature"
          label="Detached OpenPGP signature"
          hint="Of the model file, by a key registered with your account: gpg --armor --detach-sign FILE."
          wide
        >
          {(control, value) => (
            <textarea
              {...control}
              value={value}
              rows={5}
              maxLength={16_384}
              class="mono"
              spellcheck={false}
              placeholder="-----BEGIN PGP SIGNATURE-----"
            />
          )}
        </Field>
      </div>
    </Panel>
  )
}
