/** `ask-rebuild.ts <address of the companion> <days>`: ends when the index is built and saved; 1 where that fails. */
const [address = '', days = '7'] = process.argv.slice(2);
try {
  const response = await fetch(`${address}/api/v1/ai/vectorstore/rebuild`, {
    method: 'POST',
    body: JSON.stringify({ days: Number(days) }),
  });
  console.log(await response.text());
  process.exitCode = response.ok ? 0 : 1;
} catch (error) {
  // The last line is what Lifeboat shows of a command that failed.
  const { cause } = error as Error;
  console.log(`${address} does not answer: ${cause instanceof Error ? cause.message : String(error)}`);
  process.exitCode = 1;
}
