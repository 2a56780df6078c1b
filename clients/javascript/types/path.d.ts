export function at(parts: TemplateStringsArray, ...ids: string[]): string;
