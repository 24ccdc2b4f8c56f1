// Exports one function of one interface.
export const greet = {
  greet(name) {
    return `Hello, ${name}, from JavaScript!`;
  },
};
