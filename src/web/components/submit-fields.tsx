import type { FormState } from '../page-types.ts'
import { Panel } from './bits.tsx'
import { Field } from './field.tsx'
import { SOURCE_WORDS } from './wording.ts'

function hasFailed({ problem, errors }: FormState): boolean {
  return problem !== null || Object.keys(errors).length > 0
}

export function FileFields({ form }: { form: FormState }) {
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

export function SourceFields({ form }: { form: FormState }) {
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
          hint="Only if this very file is there at that commit: its SHA-256 is then asked for and compared, and a difference refuses the listing. Left empty, it is taken from the URL where the file has the same name."
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

export function WordFields({ form }: { form: FormState }) {
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

export function SignatureField({ form }: { form: FormState }) {
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
