module headwater

go 1.19
