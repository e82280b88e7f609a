/** The shop whose sales are made up here: that of the system which Vendaval replaces. */
export const SALE_CATEGORIES = ['Eletronicos', 'Livros', 'Casa', 'Gamer'] as const;
export const VALOR_CENTAVOS_MIN = 1000;
export const VALOR_CENTAVOS_MAX = 500_000;
