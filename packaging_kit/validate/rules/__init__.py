"""The rules, by what they are about; `catalog` lists them all."""
