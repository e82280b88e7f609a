/**
 * Invented sales, shaped like the ones of the system that this one replaces. Invariant: the same
 * seed and the same times give the same sales. When and how they are sent is the caller's.
 */
import { base, Faker } from '@faker-js/faker';
import { SALE_CATEGORIES, VALOR_CENTAVOS_MAX, VALOR_CENTAVOS_MIN } from '../load/shop.ts';

export type SaleCategory = (typeof SALE_CATEGORIES)[number];

/** One sale in the words of its topic. */
export interface Sale {
  readonly id_pedido: string;
  readonly categoria: SaleCategory;
  /** Reais, with at most two decimals. */
  readonly valor: number;
  /** UTC without a suffix: "2024-11-25T10:30:00". */
  readonly timestamp: string;
}

export interface GeneratedSale {
  readonly sale: Sale;
  readonly valorCentavos: number;
}

/** What is sent as it stands: a sale made by hand, or something that is none. */
export interface HandMade {
  readonly text: string;
}

export type Outgoing = GeneratedSale | HandMade;

/** Without a seed, different sales each time. Takes the sale's time in epoch milliseconds. */
export function createSaleGenerator(seed?: number): (epochMs: number) => GeneratedSale {
  const faker = new Faker(seed === undefined ? { locale: base } : { locale: base, seed });
  return (epochMs) => {
    const valorCentavos = faker.number.int({ min: VALOR_CENTAVOS_MIN, max: VALOR_CENTAVOS_MAX });
    const sale: Sale = {
      id_pedido: faker.string.uuid(),
      categoria: faker.helpers.arrayElement(SALE_CATEGORIES),
      // The double nearest to the centavos, so it prints with two decimals at most.
      valor: valorCentavos / 100,
      timestamp: new Date(epochMs).toISOString().slice(0, 19),
    };
    return { sale, valorCentavos };
  };
}
