module lens.bench/load

go 1.26
