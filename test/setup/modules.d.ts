// Set-up is plain JavaScript, because it runs before there is anything that could run TypeScript.
declare module '*.mjs';
