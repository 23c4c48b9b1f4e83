/** What llama.cpp must be told about a BERT embedding model and its word-piece vocabulary. */
import type { MetadataValue } from './gguf-write.ts';

export interface BertFacts {
  readonly name: string;
  readonly layers: number;
  readonly embeddingLength: number;
  readonly feedForwardLength: number;
  readonly heads: number;
  readonly contextLength: number;
  readonly layerNormEpsilon: number;
  /** llama.cpp's number for the prevailing tensor type: 0 all F32, 7 mostly Q8_0. */
  readonly fileType: number;
  /** The lines of a BERT vocab.txt, in order of their ids: word pieces begin with `##`, special tokens stand in brackets. */
  readonly words: readonly string[];
}

const meanPooling = 1;
const [normalToken, controlToken] = [1, 3];
const specialWords = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

export function bertMetadata(facts: BertFacts): Record<string, MetadataValue> {
  const id = (word: string): MetadataValue => ({ type: 'u32', value: facts.words.indexOf(word) });
  return {
    'general.architecture': { type: 'string', value: 'bert' },
    'general.name': { type: 'string', value: facts.name },
    'general.file_type': { type: 'u32', value: facts.fileType },
    'general.quantization_version': { type: 'u32', value: 2 },
    'bert.block_count': { type: 'u32', value: facts.layers },
    'bert.context_length': { type: 'u32', value: facts.contextLength },
    'bert.embedding_length': { type: 'u32', value: facts.embeddingLength },
    'bert.feed_forward_length': { type: 'u32', value: facts.feedForwardLength },
    'bert.attention.head_count': { type: 'u32', value: facts.heads },
    'bert.attention.layer_norm_epsilon': { type: 'f32', value: facts.layerNormEpsilon },
    'bert.attention.causal': { type: 'bool', value: false },
    'bert.pooling_type': { type: 'u32', value: meanPooling },
    'tokenizer.ggml.model': { type: 'string', value: 'bert' },
    'tokenizer.ggml.pre': { type: 'string', value: 'jina-v2-en' },
    'tokenizer.ggml.token_type_count': { type: 'u32', value: 2 },
    'tokenizer.ggml.tokens': { type: 'array', of: 'string', value: facts.words.map(ggmlWord) },
    'tokenizer.ggml.token_type': {
      type: 'array',
      of: 'i32',
      value: facts.words.map((word) => (specialWords.includes(word) ? controlToken : normalToken)),
    },
    'tokenizer.ggml.bos_token_id': id('[CLS]'),
    'tokenizer.ggml.cls_token_id': id('[CLS]'),
    // The misspelling is the format's own.
    'tokenizer.ggml.seperator_token_id': id('[SEP]'),
    'tokenizer.ggml.unknown_token_id': id('[UNK]'),
    'tokenizer.ggml.padding_token_id': id('[PAD]'),
    'tokenizer.ggml.mask_token_id': id('[MASK]'),
  };
}

/** llama.cpp marks the beginnings of words where BERT marks the continuations. */
function ggmlWord(word: string): string {
  if (specialWords.includes(word)) return word;
  return word.startsWith('##') ? word.slice(2) : `▁${word}`;
}
