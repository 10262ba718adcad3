module storm

go 1.21
