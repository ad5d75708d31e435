// This file is empty: it lets the package declare a function without a body.
