/** `ask-rebuild.ts <address of the companion> <days>`: ends when the index is built and saved; 1 where that fails. */
const [address = '', days = '7'] = process.argv.slice(2);
const response = await fetch(`${address}/api/v1/ai/vectorstore/rebuild`, {
  method: 'POST',
  body: JSON.stringify({ days: Number(days) }),
});
console.log(await response.text());
process.exitCode = response.ok ? 0 : 1;
