package warm

const sysMadvise = 28
