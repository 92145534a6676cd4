// What is declared is there: what the sources export can stand wherever the declarations are believed.

import * as real from '../../src/node/index.js';
import * as realCompat from '../../src/node/compat.js';
import type * as declared from '../../types/index.js';
import type * as declaredCompat from '../../types/compat.js';

type Prototypes<Module> = {
  [Name in keyof Module]: Module[Name] extends { prototype: infer Instance } ? { prototype: Instance } : Module[Name];
};

export const api: Prototypes<typeof declared> = real;
export const compat: Prototypes<typeof declaredCompat> = realCompat;
export const open: (typeof declared.Headwater)['open'] = real.Headwater.open;
export const change: typeof declared.Change = real.Change;
export const Config: typeof declaredCompat.DittoConfig = realCompat.DittoConfig;
export const Id: typeof declaredCompat.DocumentID = realCompat.DocumentID;
