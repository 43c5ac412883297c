module gatepost.test/app

go 1.26
