module chanlab/runner

go 1.22
