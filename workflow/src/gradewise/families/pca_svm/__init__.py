"""The family `pca_svm`."""
