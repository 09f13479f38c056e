"""Bronze as Parquet files, other engines that build the models from them, gold handed back."""
