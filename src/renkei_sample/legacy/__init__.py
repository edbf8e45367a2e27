"""The three legacy systems as they stand at the vendors: their files, their servers, their accounts."""
