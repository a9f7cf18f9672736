import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MetaValue } from './header.ts'
import { inspect } from './inspect.ts'
import { memorySource } from './memory-source.ts'
import { sizeFindings } from './size-claims.ts'
import { tinyLlama } from './tiny-llama.ts'

function found(fileName: string, parameters: number, experts = 0): number {
  const metadata = new Map<string, MetaValue>([
    ['general.architecture', { type: 'string', value: 'llama', offset: 0 }],
    ['llama.expert_count', { type: 'u32', value: experts, offset: 0 }],
  ])
  return sizeFindings({ metadata }, { parameters, fileName }).length
}

test('names of published models agree with their weights', () => {
  const cases: [name: string, billions: number, experts?: number][] = [
    ['Llama-3.2-1B-Instruct-Q4_K_M.gguf', 1.236],
    ['Meta-Llama-3.1-8B-Instruct-Q8_0.gguf', 8.03],
    ['Llama-3.3-70B-Instruct-IQ2_XXS-00001-of-00002.gguf', 70.6],
    ['Qwen2.5-0.5B-Instruct-Q8_0.gguf', 0.63],
    ['Qwen2.5-7B-Instruct-1M-Q4_K_M.gguf', 7.6],
    ['Qwen3-0.6B-BF16.gguf', 0.75],
    ['Qwen3-30B-A3B-Q4_K_M.gguf', 30.5, 128],
    ['Qwen3-Coder-480B-A35B-Instruct.gguf', 480, 160],
    ['Qwen1.5-MoE-A2.7B-Chat.gguf', 14.3, 60],
    ['gemma-2-2b-it-Q6_K.gguf', 2.61],
    ['gemma-7b-it.gguf', 8.54],
    ['gemma-3n-E4B-it-Q4_K_M.gguf', 6.87],
    ['gemma-3n-E2B-it.gguf', 4.46],
    ['gemma-3-270m-it.gguf', 0.268],
    ['gemma-4-26B-A4B.gguf', 26, 128],
    ['mixtral-8x7b-instruct-v0.1.Q4_K_M.gguf', 46.7, 8],
    ['Mixtral-8x22B-v0.1.gguf', 141, 8],
    ['phi-2-orange-4x2.7B.gguf', 7.8, 4],
    ['OLMoE-1B-7B-0924.gguf', 6.9, 64],
    ['Llama-4-Scout-17B-16E-Instruct.gguf', 108, 16],
    ['Llama-4-Maverick-17B-128E.gguf', 400, 128],
    ['gpt-oss-20b-mxfp4.gguf', 20.9, 32],
    ['DeepSeek-R1-Distill-Llama-70B-to-8B.gguf', 8],
    ['DeepSeek-V3-0324-UD-Q2_K_XL.gguf', 671, 256],
    ['Kimi-K2-Instruct-1T.gguf', 1026, 384],
    ['stablelm-2-1_6b-chat.gguf', 1.64],
    ['MiniCPM-V-2_6-Q4_K_M.gguf', 7.6],
    ['Qwen2-VL-2B-Instruct.gguf', 1.54],
    ['SmolVLM-256M-Instruct.gguf', 0.135],
    ['SmolLM2-135M.gguf', 0.135],
    ['BitNet-b1.58-2B-4T.gguf', 2.4],
    ['Llama3-8B-1.58-100B-tokens.gguf', 8],
    ['TinyLlama-1.1B-intermediate-step-1431k-3T.gguf', 1.1],
    ['granite-3.0-1b-a400m-instruct.gguf', 1.33, 32],
    ['granite-8b-code-instruct-128k.gguf', 8.05],
    ['Phi-3-mini-128k-instruct.gguf', 3.8],
    ['c4ai-command-r7b-12-2024.gguf', 8],
    ['Falcon3-10B-1.58bit.gguf', 10.3],
    ['Qwen2.5-Coder-0.5B-draft-for-32B.gguf', 0.6],
    ['EAGLE3-LLaMA3.1-Instruct-8B.gguf', 0.4],
    ['mmproj-Qwen2.5-VL-7B-F16.gguf', 0.68],
    ['bge-reranker-v2-gemma-2b.gguf', 2.5],
    ['llama-b4321-bin.gguf', 1.2],
    ['model-v2b.gguf', 0.1],
    ['tiny-corpus-a-Q4_K_M.gguf', 0.0015],
    ['stories15M.gguf', 0.015],
    ['Llama-3-8B-Instruct-Gradient-1048k.gguf', 8],
    ['Yi-34B-200K.gguf', 34.4],
    ['4B-context-1M.gguf', 4],
    ['', 1],
  ]
  for (const [name, billions, experts] of cases)
    assert.equal(found(name, Math.round(billions * 1e9), experts), 0, `${name} with ${billions} billion`)
})

test('a size that nothing explains is told', () => {
  const cases: [name: string, billions: number, experts?: number][] = [
    ['Llama-3.1-8B-Q8_0.gguf', 1.236],
    ['Llama-2-7b-chat.gguf', 1.1],
    ['Llama-3.1-70B-Q2_K.gguf', 8.03],
    ['SuperModel 70B.gguf', 13],
    ['SmolLM2-1.7B.gguf', 0.135],
    ['Qwen3-0.6B.gguf', 8.2],
    ['mixtral-8x7b.gguf', 7.24, 8],
    ['Qwen3-30B-A3B.gguf', 4],
    ['stablelm-1_6b.gguf', 0.2],
    ['gemma-3-270m.gguf', 4.3],
    ['Llama-7B.gguf', 0.0015],
  ]
  for (const [name, billions, experts] of cases)
    assert.equal(found(name, Math.round(billions * 1e9), experts), 1, `${name} with ${billions} billion`)
})

async function named(name: string, fileName?: string) {
  const { findings, verdict } = await inspect(memorySource(tinyLlama({ seed: 1, name, type: 'Q8_0' })), {
    fileName,
  })
  return [verdict, ...findings.map(({ code }) => code)]
}

test('the name inside the file counts as well, and inspect tells it', async () => {
  assert.deepEqual(await named('Tiny'), ['accept'])
  assert.deepEqual(await named('Llama 3 8B'), ['warn', 'gguf_size_contradicts'])
  assert.deepEqual(await named('Tiny', 'Big-70B-Q8_0.gguf'), ['warn', 'gguf_size_contradicts'])
  assert.deepEqual(await named('Llama 8B', 'Big-70B-Q8_0.gguf'), [
    'warn',
    'gguf_size_contradicts',
    'gguf_size_contradicts',
  ])
})
