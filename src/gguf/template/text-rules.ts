import { printable, textHazards } from '../text.ts'
import { childrenOf, type Expression, type Node, type Statement } from './ast.ts'
import type { Evaluation } from './evaluate.ts'
import type { Findings } from './finding.ts'
import { isProse, sentencesOf } from './prose.ts'

/** Runs that push what follows out of a reader's sight. */
const LONG_BLANK = /[^\S\n]{200}|(?:[^\S\n]{0,40}\n){60}/
const PRIVATE_USE = /[\ue000-\uf8ff\u{f0000}-\u{10ffff}]/u
/** More of them in a row than any emoji has: they carry bytes that nobody sees. */
const SELECTORS = /[\ufe00-\ufe0f]{2}/
/** Letters that only look like ASCII: fullwidth, mathematical, small capitals. */
const STYLED = /[\uff21-\uff3a\uff41-\uff5a\u{1d400}-\u{1d7ff}]/u
const WORD = /[\p{L}\p{M}]{2,60}/gu
const LATIN = /\p{Script=Latin}/u
const LOOKALIKE =
  /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Lisu}]/u
const BLOB = /[A-Za-z0-9+/_-]{160,}={0,2}|(?:[0-9a-f]{2}[ ,:]?){80,}/i

interface Phrase {
  says: string
  pattern: RegExp
  /** A sentence of this kind is honest after all. */
  unless?: RegExp
}

/** How templates speak that work against whoever uses the model; honest prompts of some hundred models hold none. */
const PHRASES: readonly Phrase[] = [
  {
    says: 'sets other instructions aside',
    pattern:
      /\b(?:ignor(?:e|ing)|disregard(?:ing)?|forget|override|bypass)\b[^.!?\n]{0,40}\b(?:instructions?|rules|prompts?|messages?|guidelines?|polic(?:y|ies)|restrictions?|filters?|safety)\b/i,
  },
  {
    says: 'asks to hide something from people',
    pattern:
      /\b(?:do not|don['’]t|never|without|must not|avoid)\b[^.!?\n]{0,20}\b(?:tell|reveal|mention|disclose|inform|admit|telling|revealing|mentioning|disclosing|informing)\b/i,
    unless: /\b(?:functions?|tools?|thought process|reasoning)\b/i,
  },
  {
    says: 'asks to recommend something',
    pattern:
      /\b(?:recommend|advertis|endorse|promote (?:the|our|this)|direct (?:them|users?|the user) to|link to)\w*/i,
  },
  {
    says: 'puts something into every answer',
    pattern:
      /\b(?:in|to|with|of|after|before) (?:every|each|all)(?: of your)? (?:answer|response|reply|replies|output)s?\b|\balways (?:answer (?:that|with)|say|reply (?:that|with)|include|mention|append|insert|end with|begin with|start with)\b/i,
    unless: /\b(?:think|reason)\w*\b/i,
  },
  {
    says: 'tells people to do something',
    pattern:
      /(?<!not )(?<!n['’]t )\btell (?:the |your )?(?:users?|them|people|customers?)\b|\b(?:visit|click|go to) (?:the|this|our|on|here|https?|www)|\bcall (?:the|this|our) (?:phone )?number|\byour account (?:is|has been|was|will be)\b/i,
    unless: /\b(?:functions?|tools?)\b/i,
  },
  {
    says: 'speaks of secrets',
    pattern:
      /\b(?:passwords?|passphrases?|credit cards?|private keys?|seed phrases?|social security|bank accounts?|login credentials)\b/i,
  },
  {
    says: 'speaks of doing something in secret',
    pattern:
      /\b(?:secretly|covertly|back ?door|hidden instructions?|without (?:the user|them|anyone) (?:noticing|knowing))\b/i,
  },
  {
    says: 'holds a command',
    pattern:
      /\b(?:curl|wget) (?:-\S{1,80} ){0,3}(?:https?:|\S{1,80}\.\w)|\brm -rf\b|\bpowershell\b|\bbase64 -d|\bos\.system\b|\bsubprocess\.|\beval\(|\bexec\(/i,
  },
]

const LINKS: readonly Phrase[] = [
  {
    says: 'a web address',
    pattern: /\b(?:(?:https?|ftp|file|ipfs):\/\/|magnet:\?)[^\s'"<>]{3,}|\bwww\.[a-z0-9-]+\.[a-z]{2,}/i,
  },
  { says: 'a data or script address', pattern: /\b(?:data:[a-z]+\/[a-z0-9.+-]+[;,]|javascript:|vbscript:)/i },
  {
    says: 'an e-mail address',
    pattern: /\b[\w.+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,4}\b/i,
    // The author of a commit, in the prompt of a coding model.
    unless: /\bgit\b|\bcommit|\buser\.(?:name|email)\b/i,
  },
  {
    says: 'a phone number',
    pattern:
      /(?<![\w.-])(?:\+\d{1,3}[ .-]?)(?:\(?\d{2,4}\)?[ .-]?){2,4}\d{2,4}(?!\w)|(?<![\w.-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\w)/,
  },
  { says: 'a wallet address', pattern: /\b(?:0x[0-9a-f]{40}|bc1[a-z0-9]{25,60})\b/i },
  {
    says: 'HTML that runs or loads something',
    pattern:
      /<(?:script|iframe|object|embed)\b|<(?:img|svg|link|form|meta|video|audio|a)\s[^<>|]{0,200}=|\bon(?:error|load|click)\s*=/i,
  },
  { says: 'a Markdown image', pattern: /!\[[^\]\n]{0,80}\]\(/ },
]

/** Characters and layout of the source that a reader does not see. */
export function checkHiddenText(source: string, findings: Findings): void {
  const add = (says: string) => findings.add('gguf_template_hidden', 'warn', says)
  const hazards: string[] = textHazards(source)
  if (PRIVATE_USE.test(source)) hazards.push('private-use')
  if (SELECTORS.test(source)) hazards.push('variation selector')
  if (hazards.length > 0) add(`holds ${hazards.join(' and ')} characters`)
  if (STYLED.test(source)) add('holds letters that only look like plain ones')
  if (LONG_BLANK.test(source)) add('holds a run of blank space that moves what follows out of sight')
  const blob = BLOB.exec(source)?.[0]
  if (blob !== undefined && new Set(blob).size > 6) add(`holds ${blob.length} characters of encoded data`)
}

/** What the template says in words of its own, to the model or to people. */
export function checkWords(body: readonly Statement[], evaluation: Evaluation, findings: Findings): void {
  const own: string[] = []
  for (const each of textsOf(body, evaluation)) {
    checkText(each, findings)
    if (!each.comment && !each.error && isProse(each.text)) own.push(...sentencesOf(each.text))
  }
  const sentences = [...new Set(own)]
  if (sentences.length > 0)
    findings.add(
      'gguf_template_text',
      'info',
      `brings ${sentences.length} sentence${sentences.length === 1 ? '' : 's'} of its own, such as: '${printable(sentences[0] ?? '', 120)}'`,
    )
}

/** The same for a text that could not be parsed. */
export function checkPlainWords(source: string, findings: Findings): void {
  checkText({ text: source, comment: false, error: false }, findings)
}

function checkText({ text, comment }: OwnText, findings: Findings): void {
  checkLiteral(text, findings)
  for (const { says, pattern, unless } of PHRASES) {
    const around = firstFound(text, pattern, unless)
    if (around !== null)
      findings.add(
        'gguf_template_instruction',
        'warn',
        `${says}${comment ? ', in a comment' : ''}: '${printable(around.sentence, 120)}'`,
      )
  }
  for (const { says, pattern, unless } of LINKS) {
    const around = firstFound(text, pattern, unless)
    if (around !== null)
      findings.add('gguf_template_link', 'warn', `holds ${says}: '${printable(around.found, 80)}'`)
  }
}

const MAX_MATCHES = 50

/** The first match whose sentence is not honest after all. */
function firstFound(
  text: string,
  pattern: RegExp,
  unless: RegExp | undefined,
): { found: string; sentence: string } | null {
  const all = new RegExp(pattern.source, `${pattern.flags}g`)
  let left = MAX_MATCHES
  for (const { 0: found, index } of text.matchAll(all)) {
    const sentence = sentenceAround(text, index).trim()
    if (unless?.test(sentence) !== true) return { found, sentence }
    left -= 1
    if (left === 0) return { found, sentence }
  }
  return null
}

/** What escapes spell is not seen in the source. */
function checkLiteral(text: string, findings: Findings): void {
  const hazards: string[] = textHazards(text)
  if (hazards.length > 0)
    findings.add(
      'gguf_template_hidden',
      'warn',
      `spells ${hazards.join(' and ')} characters in a text: '${printable(text, 60)}'`,
    )
  for (const [word] of text.matchAll(WORD))
    if (LATIN.test(word) && LOOKALIKE.test(word)) {
      findings.add(
        'gguf_template_hidden',
        'warn',
        `mixes look-alike letters of another alphabet into a word: '${printable(word, 60)}'`,
      )
      break
    }
  if (LONG_BLANK.test(text))
    findings.add(
      'gguf_template_hidden',
      'warn',
      'prints a run of blank space that moves what follows out of sight',
    )
}

function sentenceAround(text: string, at: number): string {
  const start = Math.max(text.lastIndexOf('. ', at) + 1, text.lastIndexOf('\n', at) + 1, at - 200, 0)
  const ends = [text.indexOf('. ', at), text.indexOf('\n', at), at + 200].filter((end) => end >= 0)
  return text.slice(start, Math.min(...ends, text.length))
}

interface OwnText {
  text: string
  comment: boolean
  /** Part of an error that the template raises. */
  error: boolean
}

/**
 * Every text that the template can print or sets, once: literals, what they are
 * put together to, and what stands side by side in one block.
 */
function textsOf(body: readonly Statement[], evaluation: Evaluation): OwnText[] {
  const found = new Map<string, OwnText>()
  const add = (text: string, comment = false, error = false) => {
    if (text !== '') found.set(`${comment}${error}${text}`, { text, comment, error })
  }
  const walk = (nodes: readonly Node[], error: boolean): void => {
    let run = ''
    for (const node of nodes) {
      if (node.kind === 'comment') add(node.value, true)
      const piece =
        node.kind === 'text' ? node.value : node.kind === 'output' ? fixedText(node.value, evaluation) : null
      if (piece !== null) run += piece
      else if (node.kind !== 'comment') {
        add(run)
        run = ''
      }
      if (node.kind === 'string') add(node.value, false, error)
      else if (node.kind === 'binary' || node.kind === 'filter' || node.kind === 'call')
        for (const each of evaluation.valueOf(node).consts)
          if (typeof each === 'string') add(each, false, error)
      walk(childrenOf(node), error || isError(node))
    }
    add(run)
  }
  walk(body, false)
  return [...found.values()]
}

function isError(node: Node): boolean {
  return node.kind === 'call' && node.callee.kind === 'name' && node.callee.name === 'raise_exception'
}

function fixedText(node: Expression, { valueOf }: Evaluation): string | null {
  const { consts, outside, computed, number, each, items } = valueOf(node)
  const fixed =
    consts.length === 1 && !outside && computed === null && number === 'no' && each === null && items === null
  if (!fixed) return node.kind === 'string' ? node.value : null
  return String(consts[0])
}
